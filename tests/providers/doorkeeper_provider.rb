# Doorkeeper, the OAuth 2 provider of many Rails applications, in one that is a file: one user, one client, a database of
# its own. It is plain OAuth 2: no OpenID Connect, no metadata.

require "json"
require "tmpdir"
require "rails"
require "active_record/railtie"
require "action_controller/railtie"
require "rack/cors"
require "doorkeeper"
require "puma"

TOLD = JSON.parse(ARGV[0])
FOLDER = Dir.mktmpdir("provider-")
at_exit { FileUtils.remove_entry(FOLDER) }
ENV["DATABASE_URL"] = "sqlite3:#{FOLDER}/provider.db"
ENV["RAILS_ENV"] = "production"

class Provider < Rails::Application
  config.root = FOLDER
  config.load_defaults(6.1)
  config.eager_load = false
  config.secret_key_base = SecureRandom.hex(64)
  config.hosts.clear
  config.logger = Logger.new(IO::NULL)
  config.session_store(:cookie_store, key: "provider")
  config.middleware.insert_before(0, Rack::Cors) do
    allow do
      origins TOLD["origin"]
      resource "/oauth/*", headers: :any, methods: %i[get post]
    end
  end
end

User = Struct.new(:id)
ALICE = User.new(1)

Doorkeeper.configure do
  orm :active_record
  resource_owner_authenticator { session[:user] ? ALICE : redirect_to("/login?#{{ to: request.fullpath }.to_query}") }
  default_scopes :profile
  optional_scopes :email
  grant_flows %w[authorization_code]
  use_refresh_token
  access_token_expires_in 600
  force_ssl_in_redirect_uri false
end

class LoginController < ActionController::Base
  PAGE = <<~HTML
    <!doctype html>
    <title>Log in</title>
    <h1>Log in</h1>
    <%= form_with(url: "/login", local: true) do |form| %>
      <%= form.hidden_field :to, value: params[:to] %>
      <%= form.label :user, "User" %> <%= form.text_field :user %>
      <%= form.label :password, "Password" %> <%= form.password_field :password %>
      <%= form.submit "Log in" %>
    <% end %>
  HTML

  def new
    render inline: PAGE
  end

  def create
    return new unless params[:user] == TOLD["user"] && params[:password] == TOLD["password"]

    session[:user] = params[:user]
    redirect_to params[:to]
  end
end

Provider.initialize!
Provider.routes.draw do
  use_doorkeeper { skip_controllers :applications, :authorized_applications }
  get "/login", to: "login#new"
  post "/login", to: "login#create"
end

# The tables, as its generators write them down for an application.
templates = File.join(Gem.loaded_specs["doorkeeper"].full_gem_path, "lib/generators/doorkeeper/templates")
migration_version = "[6.1]"
ActiveRecord::Migration.verbose = false
%w[migration enable_pkce_migration].each do |name|
  eval(ERB.new(File.read("#{templates}/#{name}.rb.erb")).result(binding))
end
[CreateDoorkeeperTables, EnablePkce].each { |migration| migration.migrate(:up) }
Doorkeeper::Application.create!(uid: "demo", name: "Valet Key demo", redirect_uri: TOLD["page"], confidential: false)

server = Puma::Server.new(Provider, Puma::Events.null)
port = server.add_tcp_listener("127.0.0.1", 0).addr[1]
server.run

# Ends when standard input does: with the process that started it, in any case.
$stdout.sync = true
puts port
$stdin.read
server.stop(true)
